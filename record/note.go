package record

import (
	"context"

	"github.com/kith-care/kith/access"
)

// Note writes to the audit what somebody did that is in no resource, such as connecting an app. refusal says why it was
// not done, "" where it was.
func (b Box) Note(ctx context.Context, who access.Actor, action access.Action, what, refusal string) error {
	return b.d.audit.write(ctx, b.d.audit.entry(who, action, b.room+": "+what, refusal, nil))
}
