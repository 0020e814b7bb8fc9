import type { ChannelDefinition } from '../../platform/websocket/websocket.ts';

/** How an order goes on, to its customer, and to the staff of the sites that it takes from. */
export const ORDERS_CHANNEL: ChannelDefinition = {
  name: 'orders',
  topic: 'orders',
  audienceOf({ data }) {
    const { customer, sites } = data;
    return {
      customer: typeof customer === 'string' ? customer : undefined,
      sites: Array.isArray(sites) ? sites.map(String) : [],
    };
  },
};
