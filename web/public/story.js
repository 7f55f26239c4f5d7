// The operations that tell the story of an order, one a tab, about two items.
export const story = (one, two) => [
  {
    query: `# 1. Who am I, and what can I buy?
query Look {
  viewer { name role accounts { id number name currency credit { available { amount } } } }
  items(first: 5) { nodes { sku name listPrice { amount currency } availability { available { value unit } nodes { name available { value } } } } }
  priceQuote(lines: [{ sku: "${one}", quantity: { value: "60" } }]) { sku price { unitPrice { amount } breaks { from { value unit } unitPrice { amount } } } }
}
`,
  },
  {
    query: `# 2. Place an order. The same key answers the same; change it, and the PO number, to place another.
mutation Place($key: String!) {
  placeOrder(input: {
    idempotencyKey: $key
    poNumber: "PO-4711"
    lines: [
      { sku: "${one}", quantity: { value: "5" } }
      { sku: "${two}", quantity: { value: "2" } }
    ]
  }) {
    decision
    replayed
    order { id number status total { amount currency } lines { sku outcome allocations { node quantity { value unit } } } }
    findings { code severity path message }
    errors { code path message }
  }
}
`,
    variables: '{\n  "key": "my-first-order"\n}',
  },
  {
    query: `# 3. Watch it being picked, packed, shipped and delivered.
# Nothing is missed: pass the last cursor as after to go on.
subscription Watch($after: Cursor = "p0") {
  fulfillmentEvents(after: $after) {
    type
    occurredAt
    cursor
    details {
      ... on FulfillmentEventDetails { number node nodeRef }
      ... on ShipmentEventDetails { number status carrier trackingNumber location }
    }
  }
}
`,
  },
  {
    query: `# 4. See it whole.
query See {
  orders(first: 1) {
    nodes {
      id number status fulfillment
      lines {
        number sku quantity { value unit } shipped { value } delivered { value } invoiced { value }
        item { name } price { unitPrice { amount } } availability { available { value } }
      }
      shipments { number status trackingNumber events { status occurredAt location } }
      invoices { number total { amount currency } }
      returns { number status }
      creditMemos { number total { amount currency } }
      references { system type value }
      timeline { nodes { type occurredAt source } }
    }
  }
}
`,
  },
  {
    query: `# 5. Send part of it back: paste the order's id from step 4.
mutation SendBack($order: ID!) {
  requestReturn(input: {
    idempotencyKey: "my-first-return"
    orderId: $order
    lines: [{ line: 1, quantity: { value: "2" }, reason: NO_LONGER_NEEDED }]
  }) {
    return { id number status credit { amount currency } }
    errors { code path message }
  }
}
`,
    variables: '{\n  "order": "…"\n}',
  },
  {
    query: `# 6. Agree to it (this needs the service token), then look at step 4 for the credit memo.
mutation Agree($return: ID!) {
  approveReturn(input: { returnId: $return }) {
    return { number status node }
    errors { code path message }
  }
}
`,
    variables: '{\n  "return": "…"\n}',
  },
];
