// Package vendure reads a Vendure shop's orders and tells it what became of them, through the Admin API of
// Vendure 3.7.
//
// Limits of the product: 1,000 rows of a list; no rate limit of its own.
//
// Quirks:
//   - What fails answers 200: with errors, with a typed result that is an error, or with the text of the
//     database and no code.
//   - An order's updatedAt moves with its lines and fields only, not when it is placed, shipped or refunded.
//     Orders are listed by either of two times, and those that are known are read again by a sweep.
//   - Money is in minor units, and taxes are rounded by line: a line's price with tax is no multiple of one's.
//   - A fulfilment takes from stock at once and may be recorded twice for parts of a line: it is looked for
//     first, by our number behind the carrier's name.
//   - Refunds are bounded by the payment alone. What is given back is what has been paid and the order no
//     longer costs, so that a repeat gives nothing.
//   - The shop counts what it has sold as allocated and sells the rest. So it is told of what may be sold and
//     what it has allocated together.
//   - The shop has no place for our number: it is the custom field externalRef, which must be unique, so that
//     two orders never have the same.
package vendure
