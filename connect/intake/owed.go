package intake

import (
	"strconv"
	"strings"

	"github.com/kith-care/kith/record"
)

// What rows lead to beyond themselves is done once all rows of a drop are filed: what came with patients who were taken back is taken back too, what waited for something
// new is made, what made use of a row that has changed is made again. That it is owed is written with the rows, since a process that is killed before finds, when the drop
// is filed again, that these rows say nothing new.
const (
	owedNewly   = "newly"   // something came that parked rows may wait for
	owedGone    = "gone"    // a patient was taken back; the key
	owedChanged = "changed" // a looked up row has changed; its unit
)

func (x *extract) owedKind() string { return "owed/" + x.feed.Name }

// owe writes with a batch that something is owed.
func (x *extract) owe(f *filing, what, of string) {
	if x.dry != nil || x.force {
		return // nothing is filed, or only made again
	}
	f.boxes = append(f.boxes, record.BoxItem{Kind: x.owedKind(), Key: what + "/" + of, Value: []byte("1")})
}

// owed are the keys of what is owed.
func (x *extract) owed() (keys []string, err error) {
	for after := ""; ; {
		items, err := x.desk.box.List(x.ctx, x.owedKind(), after, 1000)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			keys, after = append(keys, it.Key), it.Key
		}
		if len(items) < 1000 {
			return keys, nil
		}
	}
}

// recall takes up what an earlier process owed when it ended.
func (x *extract) recall() error {
	keys, err := x.owed()
	if err != nil {
		return err
	}
	for _, key := range keys {
		what, of, _ := strings.Cut(key, "/")
		switch what {
		case owedNewly:
			x.newly = true
		case owedGone:
			x.gone = append(x.gone, of)
		case owedChanged:
			unit, err := strconv.ParseInt(of, 10, 64)
			if err != nil {
				continue // nothing of ours
			}
			parts, err := x.desk.box.Parts(x.ctx, x.feed.Number, []int64{unit})
			if err != nil {
				return err
			}
			for i := range parts {
				if parts[i].State != record.RowFiled {
					continue
				}
				r, err := x.rowAt(&parts[i], x.format.Tables[parts[i].Table-1].Name)
				if err != nil {
					return err
				}
				x.changed = append(x.changed, r)
				break
			}
		}
	}
	return nil
}
