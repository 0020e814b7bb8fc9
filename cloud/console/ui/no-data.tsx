import { CommandLine } from '@holdfast/shared/ui/command-line.tsx';
import { EmptyState } from '@holdfast/shared/ui/empty-state.tsx';

const PUBLISH_COMMAND =
  'mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -t devices/demo/telemetry/temperature -m 21.5';

export function NoGateways() {
  // A gateway enrols over TLS only, also where this page may be plain: on loopback.
  const enrollCommand = `holdfast-gateway enroll CLAIM-CODE --cloud https://${location.host}`;
  return (
    <EmptyState title="No gateway yet">
      <p>
        An administrator draws a claim code (<code class="mono">POST /v1/gateways/claims</code>).
        Then, on the machine that becomes the gateway:
      </p>
      <CommandLine command={enrollCommand} />
      <p>
        The code is good for one gateway and for 24 hours. <code class="mono">npm start</code> does
        all this by itself for the gateway that it starts.
      </p>
    </EmptyState>
  );
}

export function NoDevices() {
  return (
    <EmptyState title="No readings yet">
      <p>A device appears here with its first message. Send one to the gateway:</p>
      <CommandLine command={PUBLISH_COMMAND} />
      <p>
        The address and port are those of the gateway that <code class="mono">npm start</code> runs;
        its READY block names others.
      </p>
    </EmptyState>
  );
}
