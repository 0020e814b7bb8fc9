/**
 * The GraphQL contract. `node test/contract/export-graphql.ts` writes it to proto/schema.graphql.
 */
export const TYPE_DEFINITIONS = /* GraphQL */ `
  "A whole number of at most 2^53 - 1, as a JSON number."
  scalar Long

  "RFC 3339, UTC."
  scalar DateTime

  type Query {
    "Null when there is no such product."
    product(id: ID!): Product
    """
    The catalogue, by id. Words are beginnings of words, all of which a product has. A page has at
    most 100 products, and may have fewer than were asked for.
    """
    products(text: String, category: String, first: Int = 20, after: String): ProductConnection!
  }

  type Subscription {
    """
    The present stock of at most 100 items, then each change. Of several changes between two
    answers the last. It ends after 10 minutes at most: subscribe again with a fresh token.
    """
    stockChanged(items: [String!]!): [Stock!]!
  }

  type Product {
    id: ID!
    "The item's code in the warehouse's ledger."
    item: String!
    name: String!
    description: String!
    taxClass: String!
    prices: [Money!]!
    categories: [String!]!
    imageUrls: [String!]!
    "Grows with each change."
    version: Long!
    "By site; of one site when it is named."
    stock(site: String): [Stock!]!
  }

  type Money {
    "ISO 4217."
    currency: String!
    minorUnits: Long!
  }

  "Stock of an item at a site. What is null is for the site's staff alone."
  type Stock {
    site: String!
    item: String!
    "What may still be promised."
    free: Long!
    onHand: Long
    reserved: Long
    sold: Long
    "Grows with each change."
    version: Long!
    changedAt: DateTime!
  }

  type ProductConnection {
    edges: [ProductEdge!]!
    nodes: [Product!]!
    pageInfo: PageInfo!
  }

  type ProductEdge {
    node: Product!
    cursor: String!
  }

  type PageInfo {
    hasNextPage: Boolean!
    "Pages go forward: false."
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }
`;
