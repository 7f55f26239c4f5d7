package postgres

import (
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
)

// texts is pgx's codec of text arrays, with a shorter way for a []string: pgx takes an array's elements one by one, each
// as a value of its own.
type texts struct{ pgtype.ArrayCodec }

func newTexts(m *pgtype.Map) *texts {
	text, _ := m.TypeForOID(pgtype.TextOID)
	return &texts{pgtype.ArrayCodec{ElementType: text}}
}

// PlanEncode implements pgtype.Codec.
func (c *texts) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.([]string); ok && format == pgtype.BinaryFormatCode {
		return strung{}
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

// strung writes strings as PostgreSQL takes an array in binary: how many dimensions, whether there are nulls, the type of
// the elements; of the dimension its length and first index; then each element's length and bytes
// (src/backend/utils/adt/arrayfuncs.c, array_recv).
type strung struct{}

// Encode implements pgtype.EncodePlan.
func (strung) Encode(value any, buf []byte) ([]byte, error) {
	list, ok := value.([]string)
	if !ok {
		return nil, fmt.Errorf("a text array is not written from a %T", value)
	}
	if list == nil {
		return nil, nil
	}
	number := func(n int) { buf = binary.BigEndian.AppendUint32(buf, uint32(n)) }
	dimensions := 1
	if len(list) == 0 {
		dimensions = 0
	}
	number(dimensions)
	number(0)
	number(pgtype.TextOID)
	if dimensions == 1 {
		number(len(list))
		number(1)
	}
	for _, s := range list {
		number(len(s))
		buf = append(buf, s...)
	}
	return buf, nil
}
