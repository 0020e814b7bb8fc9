/** What is bought; found out by asking the shop once. */
export interface Purchase {
  readonly variantId: string;
  readonly shippingMethodId: string;
  readonly paymentMethod: string;
  readonly emailAddress: string;
}

/** One call of Vendure's shop API on the way from an empty cart to a paid order. */
export interface Step {
  readonly name: string;
  readonly body: (purchase: Purchase) => string;
}

/** The body of an answer of the shop API. */
export interface Answer {
  readonly errors?: readonly { readonly message: string }[];
  readonly data?: Readonly<Record<string, Result>> | null;
}

interface Result {
  readonly __typename?: string;
  readonly state?: string;
  readonly errorCode?: string;
  readonly message?: string;
}

const RESULT = '{ __typename ... on Order { state } ... on ErrorResult { errorCode message } }';
const ADDRESS = {
  fullName: 'Ada Example',
  streetLine1: 'Main Street 1',
  city: 'Berlin',
  postalCode: '10115',
  countryCode: 'DE',
};
const PAID = ['PaymentAuthorized', 'PaymentSettled'];

/** The calls that a client has to make, in this order; a guest's, with a session of its own. */
export const STEPS: readonly Step[] = [
  step('addItemToOrder', {
    types: '$id: ID!, $quantity: Int!',
    args: 'productVariantId: $id, quantity: $quantity',
    variables: ({ variantId }) => ({ id: variantId, quantity: 1 }),
  }),
  step('setCustomerForOrder', {
    types: '$input: CreateCustomerInput!',
    args: 'input: $input',
    variables: ({ emailAddress }) => ({
      input: { firstName: 'Ada', lastName: 'Example', emailAddress },
    }),
  }),
  step('setOrderShippingAddress', {
    types: '$input: CreateAddressInput!',
    args: 'input: $input',
    variables: () => ({ input: ADDRESS }),
  }),
  step('setOrderShippingMethod', {
    types: '$ids: [ID!]!',
    args: 'shippingMethodId: $ids',
    variables: ({ shippingMethodId }) => ({ ids: [shippingMethodId] }),
  }),
  step('transitionOrderToState', {
    types: '$state: String!',
    args: 'state: $state',
    variables: () => ({ state: 'ArrangingPayment' }),
  }),
  step('addPaymentToOrder', {
    types: '$input: PaymentInput!',
    args: 'input: $input',
    variables: ({ paymentMethod }) => ({ input: { method: paymentMethod, metadata: {} } }),
  }),
];

/** Why a step did not do what it should; undefined when it did. The last one has to have paid. */
export function failureOf({ name }: Step, answer: Answer): string | undefined {
  const refused = answer.errors?.[0];
  if (refused !== undefined) return `${name}: ${refused.message}`;
  const result = answer.data?.[name];
  if (result?.__typename !== 'Order')
    return `${name}: ${result?.errorCode ?? 'no result'} ${result?.message ?? ''}`.trimEnd();
  if (name !== STEPS.at(-1)!.name || PAID.includes(result.state ?? '')) return undefined;
  return `${name}: left the order in ${result.state}`;
}

function step(
  name: string,
  {
    types,
    args,
    variables,
  }: {
    readonly types: string;
    readonly args: string;
    readonly variables: (purchase: Purchase) => unknown;
  },
): Step {
  const query = `mutation (${types}) { ${name}(${args}) ${RESULT} }`;
  return { name, body: (purchase) => JSON.stringify({ query, variables: variables(purchase) }) };
}
