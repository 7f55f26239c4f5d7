package orders

// IsEntity marks Order as an entity of the federated graph; it is the only trace of GraphQL here.
func (*Order) IsEntity() {}
