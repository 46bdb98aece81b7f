package feeds

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/store/storetest"
)

func admission(control, number string) string {
	return "MSH|^~\\&|PAS|ZZ1|KITH|KITH|20260301120000||ADT^A28|" + control + "|P|2.4\r" +
		"EVN|A28|20260301120000\rPID|1||" + number + "^^^ZZ1^MR||OKAFOR^ADA||19500203|F\rPV1|1|N\r"
}

// Messages may lie in a folder as files. What stands between them, and a batch that counts other messages than it holds, is in quarantine and
// holds up nothing: such a batch once failed for ever, and what stood between messages was passed over.
func TestMessagesInFiles(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := service(t, db)
		dir := t.TempDir()
		if _, err := s.Desk.Feed(t.Context(), intake.Feed{Name: "zz1", Kind: "hl7", Folder: dir}); err != nil {
			t.Fatal(err)
		}
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("1.hl7", "FHS|^~\\&\rBHS|^~\\&\r"+admission("1", "A1")+admission("2", "A2")+"BTS|3\rFTS|1\r")
		write("2.hl7", admission("3", "A3")+"\r\rthe line was cut here\r\r"+admission("4", "A4"))
		run(t, s)
		within(t, "all messages are filed", func() bool { return count(t, s, "Patient") == 4 })
		who := access.Actor{ID: "Practitioner/manager"}
		within(t, "two things are in quarantine", func() bool {
			bads, err := s.Desk.Bads(t.Context(), who, "zz1", "", 10)
			if err != nil {
				t.Fatal(err)
			}
			reasons := ""
			for _, b := range bads {
				reasons += b.File + ": " + b.Reason + "\n"
			}
			return len(bads) == 2 && strings.Contains(reasons, "1.hl7: ") && strings.Contains(reasons, "3") && strings.Contains(reasons, "unreadable message: ")
		})
		within(t, "both files are done with", func() bool { ok, err := s.Seen(t.Context(), "zz1"); return err == nil && ok })
		if all, err := s.Overview(t.Context(), who); err != nil || strings.Contains(all[0].Doing, "fail") {
			t.Errorf("%+v %v", all, err)
		}
	})
}
