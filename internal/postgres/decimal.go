package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/govalues/decimal"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// shorter has a connection take the shorter ways that this package knows: numeric columns into decimals, strings into
// text arrays.
func shorter(_ context.Context, c *pgx.Conn) error {
	c.TypeMap().RegisterType(&pgtype.Type{Name: "numeric", OID: pgtype.NumericOID, Codec: numeric{}})
	c.TypeMap().RegisterType(&pgtype.Type{Name: "_text", OID: pgtype.TextArrayOID, Codec: newTexts(c.TypeMap())})
	return nil
}

// numeric is pgx's codec with a shorter way to decimals.
type numeric struct{ pgtype.NumericCodec }

// PlanScan implements pgtype.Codec.
func (c numeric) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, ok := target.(*decimal.Decimal); ok && format == pgtype.BinaryFormatCode {
		return digits{c.NumericCodec.PlanScan(m, oid, format, new(pgtype.Text))}
	}
	return c.NumericCodec.PlanScan(m, oid, format, target)
}

// digits reads a numeric as PostgreSQL sends it in binary: how many groups of four decimal digits there are, the
// power of 10,000 of the first, the sign, how many places are shown, and the groups (src/backend/utils/adt/numeric.c,
// numeric_send).
type digits struct {
	// long reads a numeric as a text: one with more digits than a whole number here holds, or none at all.
	long pgtype.ScanPlan
}

// Scan implements pgtype.ScanPlan.
func (d digits) Scan(src []byte, dst any) error {
	into, ok := dst.(*decimal.Decimal)
	if !ok {
		return fmt.Errorf("a numeric is not read into a %T", dst)
	}
	if read, ok := short(src); ok {
		*into = read
		return nil
	}
	var text pgtype.Text
	if err := d.long.Scan(src, &text); err != nil {
		return err
	}
	if !text.Valid {
		return errors.New("a numeric is null, and a decimal cannot be")
	}
	read, err := decimal.Parse(text.String)
	if err != nil {
		return fmt.Errorf("numeric: %w", err)
	}
	*into = read
	return nil
}

// short reads a numeric of up to 18 digits.
func short(src []byte) (decimal.Decimal, bool) {
	if len(src) < 8 {
		return decimal.Decimal{}, false
	}
	at := func(i int) int { return int(binary.BigEndian.Uint16(src[2*i:])) }
	groups, weight, sign, scale := at(0), int(int16(at(1))), at(2), at(3)
	if len(src) != 8+2*groups || (sign != 0 && sign != 0x4000) || scale > decimal.MaxScale {
		return decimal.Decimal{}, false
	}
	if groups == 0 {
		return decimal.Decimal{}, true
	}
	// The value is the sum of group(i) * 10^(4*(weight-i)), wanted in units of 10^-scale.
	var coef int64
	for i := range groups {
		group, power := int64(at(4+i)), 4*(weight-i)+scale
		for ; power < 0; power++ {
			group /= 10
		}
		for ; power > 0 && group != 0; power-- {
			if group > (1<<62)/10 {
				return decimal.Decimal{}, false
			}
			group *= 10
		}
		if coef += group; coef < 0 {
			return decimal.Decimal{}, false
		}
	}
	if sign != 0 {
		coef = -coef
	}
	read, err := decimal.New(coef, scale)
	return read, err == nil
}
