package record

import (
	"context"
	"crypto/ed25519"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store"
)

// SealAudit has checkpoints of the audit trail signed by a key from now on: one at once, one a minute in which something was written, and one
// when the record is closed. Each is written to the ledger and to the log.
func (d *Door) SealAudit(ctx context.Context, key ed25519.PrivateKey) error {
	d.audit.key.Store(&key)
	return d.MarkAudit(ctx)
}

// MarkAudit makes a checkpoint now.
func (d *Door) MarkAudit(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case d.audit.sealed <- reply:
		return <-reply
	case <-d.audit.quit:
		return fhir.Errorf(fhir.Busy, "the record is being closed")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CheckAudit holds the audit trail against its checkpoints and says everything that is wrong with it.
func (d *Door) CheckAudit(ctx context.Context, c AuditChecking) (*AuditReport, error) {
	return d.audit.ledger.Check(ctx, c)
}

// What checking the audit trail takes and answers.
type (
	AuditChecking = store.Checking
	AuditReport   = store.Report
	AuditFault    = store.Fault
)
