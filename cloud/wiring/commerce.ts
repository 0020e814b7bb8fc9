import { InventoryServiceService } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import { PaymentServiceService } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { ProductServiceService } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import { isLoopback } from '@holdfast/shared/runtime/http-server.ts';
import type { ServiceHandle } from '../service.ts';
import type { Wires } from '../wiring.ts';

export async function openProductTarget(wires: Wires): Promise<ServiceHandle> {
  const { openProduct } = await import('../product/product.module.ts');
  const { settings, runtime, ports } = wires;
  return openProduct({
    sql: await ports.sql(),
    log: await ports.eventLog(),
    kv: await ports.kv(),
    objects: await ports.objects(),
    policy: await ports.policy(),
    settings: settings.product,
    region: settings.region,
    developmentData: settings.auth.developmentUsers,
    runtime,
  });
}

export async function openInventoryTarget(wires: Wires): Promise<ServiceHandle> {
  const { openInventory } = await import('../inventory/inventory.module.ts');
  const { settings, runtime, ports } = wires;
  return openInventory({
    sql: await ports.sql(),
    log: await ports.eventLog(),
    policy: await ports.policy(),
    settings: settings.inventory,
    region: settings.region,
    runtime,
  });
}

const ACQUIRER_PASSWORD = 'payment/acquirer-password';
const PASSWORD_BYTES = 24;

/** The account of payment at the acquirer; the sandbox knows the same one. */
async function acquirerAccount({ settings, runtime, ports }: Wires) {
  const { username, secretPassword } = settings.payment.acquirer;
  if (secretPassword !== undefined) return { username, secretPassword };
  const secrets = await ports.secrets();
  const drawn = await secrets.ensure(ACQUIRER_PASSWORD, async () =>
    Buffer.from(runtime.random.bytes(PASSWORD_BYTES).toString('base64url')),
  );
  return { username, secretPassword: Buffer.from(drawn).toString() };
}

export async function openPaymentTarget(wires: Wires): Promise<ServiceHandle> {
  const { openPayment } = await import('../payment/payment.module.ts');
  const { openSoapAcquirer } = await import('../platform/acquirer/acquirer.soap.ts');
  const { withResilience } = await import('../platform/acquirer/resilience.ts');
  const { settings, runtime, ports } = wires;
  const { acquirer, leaseMs } = settings.payment;
  const { host, port } = settings.paymentSandbox;
  const soap = await openSoapAcquirer({
    url: () => acquirer.url ?? `${wires.sandboxUrl?.() ?? `http://${host}:${port}`}/soap`,
    ...(await acquirerAccount(wires)),
    version: acquirer.soapVersion,
    timeoutMs: acquirer.timeoutMs,
    runtime,
  });
  return openPayment({
    openSql: await ports.sql(),
    log: await ports.eventLog(),
    acquirer: withResilience(soap, runtime),
    policy: await ports.policy(),
    settings: { leaseMs },
    region: settings.region,
    runtime,
  });
}

export async function openPaymentSandboxTarget(wires: Wires): Promise<ServiceHandle> {
  const { openPaymentSandbox } = await import('../payment-sandbox/payment-sandbox.module.ts');
  const { settings, runtime, ports } = wires;
  const sandbox = await openPaymentSandbox({
    openSql: await ports.sql(),
    settings: settings.paymentSandbox,
    account: await acquirerAccount(wires),
    runtime,
  });
  wires.sandboxUrl = sandbox.url;
  return sandbox;
}

export async function openOrderTarget(wires: Wires): Promise<ServiceHandle> {
  const { openOrder } = await import('../order/order.module.ts');
  const { settings, runtime, ports, peers } = wires;
  return openOrder({
    sql: await ports.sql(),
    log: await ports.eventLog(),
    policy: await ports.policy(),
    peers: {
      product: await peers.client('order', 'product', ProductServiceService),
      inventory: await peers.client('order', 'inventory', InventoryServiceService),
      payment: await peers.client('order', 'payment', PaymentServiceService),
    },
    settings: settings.order,
    region: settings.region,
    runtime,
  });
}

export async function openAuditTarget(wires: Wires): Promise<ServiceHandle> {
  const { openAudit } = await import('../audit/audit.module.ts');
  const { settings, runtime, ports } = wires;
  return openAudit({
    sql: await ports.sql(),
    log: await ports.eventLog(),
    policy: await ports.policy(),
    region: settings.region,
    runtime,
  });
}

export async function openGraphTarget(wires: Wires): Promise<ServiceHandle> {
  const { openGraph } = await import('../graph/graph.module.ts');
  const { InventoryServiceService } = await import(
    '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts'
  );
  const { ProductServiceService } = await import(
    '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts'
  );
  const { settings, runtime, ports, peers } = wires;
  return openGraph({
    peers: {
      products: await peers.client('graph', 'product', ProductServiceService),
      inventory: await peers.client('graph', 'inventory', InventoryServiceService),
    },
    policy: await ports.policy(),
    settings: settings.graph,
    loopback: isLoopback(settings.http.host),
    runtime,
  });
}
