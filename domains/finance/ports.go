package finance

import (
	"context"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
)

// Posting tells the ERP how much of each line of an order has shipped in all. It is a target
// and not a difference, so repeating it posts nothing twice.
type Posting struct {
	OrderNumber string
	// Shipped is by line number, Items the same by item.
	Shipped map[int]trade.Decimal
	Items   map[trade.SKU]trade.Decimal
}

// CreditNote asks the ERP to credit what came back.
type CreditNote struct {
	// Number is our number of the return, the memo's external reference.
	Number      string
	OrderNumber string
	Account     trade.AccountID
	Currency    trade.Currency
	Lines       []DocumentLine
}

// Archive is a system of record that lists what it has posted.
type Archive interface {
	// DocumentsAfter returns posted documents of the kind after the cursor, in an order that never
	// changes.
	DocumentsAfter(ctx context.Context, kind Kind, cursor string) (lookup.Page[Document], error)
	// DocumentsSince returns documents of the kind that were posted or changed since the cursor, in
	// any order, repeats allowed. A feed that was never read starts now.
	DocumentsSince(ctx context.Context, kind Kind, cursor string) (lookup.Page[Document], error)
}

// Books is a system of record for invoices and credit memos. All methods are safe for
// concurrent use and none retries.
type Books interface {
	// Post ships and invoices up to the target.
	Post(ctx context.Context, p Posting) error
	// Invoices returns the posted invoices of our order numbers.
	Invoices(ctx context.Context, orderNumbers []string) (lookup.Answers[string, []Document], error)
	// CreditMemos returns the posted credit memos of our return numbers.
	CreditMemos(ctx context.Context, returnNumbers []string) (lookup.Answers[string, Document], error)
	// Issue creates and posts a credit memo. It takes up a draft of the same number that an
	// earlier call left, and fails with fault.Conflict when a posted one exists.
	Issue(ctx context.Context, n CreditNote) error
}
