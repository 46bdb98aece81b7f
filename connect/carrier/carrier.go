// Package carrier carries what is sent to people out of the house: e-mail by SMTP, text messages by a gateway, letters into a folder from which they are
// printed.
//
// A carrier says of each thing what became of it, and the kind of its error says what may be done next: Busy was not sent, and may be tried again; Unprocessable was
// refused for good; with any other it is not known whether it went out, so it must not be sent again. Each thing has a key of its own, by which whoever takes
// it can tell that it has it already.
package carrier

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/kith-care/kith/fhir"
)

// Secret reads a secret from a file, or from an environment variable where it is named env:NAME. A file that others can read is refused.
func Secret(file string) (string, error) {
	if name, ok := strings.CutPrefix(file, "env:"); ok {
		if text := strings.TrimSpace(os.Getenv(name)); text != "" {
			return text, nil
		}
		return "", fhir.Errorf(fhir.Invalid, "the environment variable %s holds no secret", name)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fhir.Errorf(fhir.Invalid, "%s holds a secret and can be read by others: chmod 600 it", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return "", fhir.Errorf(fhir.Invalid, "%s holds no secret", file)
	}
	return strings.TrimSpace(string(text)), nil
}

// Console shows what would be sent, and sends nothing: for trying out. What it shows has no personal data in it beyond the address, of which it shows the end.
type Console struct{ Log *slog.Logger }

func (c Console) logger() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.Default()
}

// Text shows a text message.
func (c Console) Text(_ context.Context, key, to, text string) (string, error) {
	c.logger().Info("a text message would be sent", "key", key, "to", "…"+to[max(0, len(to)-3):], "text", text)
	return "console", nil
}

// Mail shows an e-mail.
func (c Console) Mail(_ context.Context, key, to, subject, _ string) (string, error) {
	c.logger().Info("an e-mail would be sent", "key", key, "to", "…@"+domainOf(to), "subject", subject)
	return "console", nil
}
