package trade

import (
	"math/big"

	"github.com/govalues/decimal"
)

// Ratio is how many of an item's own unit another one is, exactly: Per of the other are Of of the item's. A case of twelve is
// 12 to 1, a pound of an item that is sold by the kilogram 0.45359237 to 1, a piece of one that is sold by packs of three 1 to 3.
type Ratio struct {
	Of  Decimal `json:"of"`
	Per Decimal `json:"per"`
}

// Valid reports whether both sides are above zero.
func (r Ratio) Valid() bool { return r.Of.IsPos() && r.Per.IsPos() }

// Back is the ratio the other way round.
func (r Ratio) Back() Ratio { return Ratio{r.Per, r.Of} }

// Convert is q × Of ÷ Per, rounded down to scale places. exact says that there was nothing to round; it is false, with zero, of
// what is too large to be counted so.
func (r Ratio) Convert(q Decimal, scale int) (d Decimal, exact bool) {
	places := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	is := new(big.Rat).Mul(rational(q), rational(r.Of))
	is.Quo(is, rational(r.Per)).Mul(is, new(big.Rat).SetInt(places))
	whole, rest := new(big.Int).QuoRem(is.Num(), is.Denom(), new(big.Int))
	if !whole.IsInt64() {
		return Decimal{}, false
	}
	d, err := decimal.New(whole.Int64(), scale)
	return d.Trim(0), err == nil && rest.Sign() == 0
}

func rational(d Decimal) *big.Rat {
	r, _ := new(big.Rat).SetString(d.String()) // which every decimal is
	return r
}
