// Package imports takes files of orders in: thousands at once, in the background, with a progress and an outcome for each.
//
// A file is read whole when it comes, and its orders are kept. They are placed one after the other by whoever claims the
// import, each under an idempotency key of its own, so that a process that dies leaves nothing out and places nothing twice.
package imports

import (
	"context"
	"time"

	"crossdock/domains/trade"
)

// Import is a file of orders on its way in.
type Import struct {
	ID     string
	Format Format
	Policy RowPolicy
	Status Status
	// Total is how many orders the file has; Counts are how many have which outcome.
	Total  int
	Counts map[Outcome]int
	Note   string
	// By is who brought the file.
	By         string
	CreatedAt  time.Time
	FinishedAt *time.Time
	who        trade.Viewer
}

// Count is how many orders have one of the outcomes.
func (i *Import) Count(outcomes ...Outcome) (n int) {
	for _, o := range outcomes {
		n += i.Counts[o]
	}
	return n
}

// Waiting is how many orders are still to be placed.
func (i *Import) Waiting() int { return i.Count(Waiting) }

// Accepted is how many orders were accepted, as asked for or otherwise.
func (i *Import) Accepted() int { return i.Count(Accepted) }

// Held is how many orders are held.
func (i *Import) Held() int { return i.Count(Held) }

// Rejected is how many orders were turned down.
func (i *Import) Rejected() int { return i.Count(Rejected) }

// Skipped is how many orders were not placed since others were turned down, or since the import was cancelled.
func (i *Import) Skipped() int { return i.Count(Skipped) }

// Format is how a file is written.
type Format string

// The formats. A JSONL file has an order on each line, a CSV file an order line.
const (
	JSONL Format = "JSONL"
	CSV   Format = "CSV"
)

// RowPolicy is what becomes of a file with orders that are turned down.
type RowPolicy string

// The policies.
const (
	// RejectAll places nothing of a file in which an order, or a line of one, would be turned down.
	RejectAll RowPolicy = "REJECT_ALL"
	// RejectBad turns an order down as a whole of which a line is turned down, and places the others.
	RejectBad RowPolicy = "REJECT_BAD_ORDERS"
	// SavePossible places what can be placed, of orders too.
	SavePossible RowPolicy = "SAVE_POSSIBLE"
)

// Status is where an import is in its life.
type Status string

// An import is checked first where nothing is placed unless all can be.
const (
	Checking  Status = "CHECKING"
	Placing   Status = "PLACING"
	Done      Status = "DONE"
	Refused   Status = "REFUSED"
	Cancelled Status = "CANCELLED"
)

// Outcome is what became of an order of a file.
type Outcome string

// The outcomes.
const (
	Waiting  Outcome = "WAITING"
	Checked  Outcome = "CHECKED"
	Accepted Outcome = "ACCEPTED"
	Held     Outcome = "HELD"
	Rejected Outcome = "REJECTED"
	Skipped  Outcome = "SKIPPED"
)

// Row is an order of a file.
type Row struct {
	// Number counts the file's orders from 1; Line is where the order begins in the file.
	Number int
	Line   int
	// Key is what the file calls the order.
	Key      string
	Order    Order
	Outcome  Outcome
	Decision string
	// OrderID is the order that was made of it, empty when none was.
	OrderID  trade.OrderID
	Problems []Problem
}

// Problem is what is wrong with an order of a file.
type Problem struct {
	Code    string `json:"code"`
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Order is an order as a file has it.
type Order struct {
	Key           string          `json:"order,omitempty"`
	Account       trade.AccountID `json:"account"`
	PONumber      string          `json:"poNumber,omitempty"`
	RequestedDate trade.Date      `json:"requestedDate,omitempty"`
	Currency      trade.Currency  `json:"currency,omitempty"`
	ShipToID      string          `json:"shipToId,omitempty"`
	Lines         []Line          `json:"lines"`
}

// Line is a line of an order as a file has it.
type Line struct {
	SKU               trade.SKU      `json:"sku"`
	Quantity          trade.Decimal  `json:"quantity"`
	Unit              trade.Unit     `json:"unit,omitempty"`
	ExpectedUnitPrice *trade.Decimal `json:"expectedUnitPrice,omitempty"`
}

// Placed is intake's answer for an order.
type Placed struct {
	Outcome  Outcome
	Decision string
	OrderID  trade.OrderID
	Problems []Problem
}

// Source is where an order comes from.
type Source struct {
	Import string
	Row    int
}

// Intake places orders.
type Intake interface {
	// Place takes an order in. The key makes it safe to repeat. whole turns it down as a whole when a line is turned down.
	Place(ctx context.Context, who trade.Viewer, key string, from Source, o Order, whole bool) (Placed, error)
	// Check is what Place would answer, and changes nothing.
	Check(ctx context.Context, who trade.Viewer, o Order, whole bool) (Placed, error)
}
