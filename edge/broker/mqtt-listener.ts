import type { Duplex } from 'node:stream';

export interface MqttConnection {
  readonly stream: Duplex;
  readonly remoteAddress: string | undefined;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The setting that changes the port, for the message when it is in use. */
  readonly setting: string;
  readonly accept: (connection: MqttConnection) => void;
}

/** Where devices connect. */
export interface MqttListener {
  readonly port: number;
  /** Takes no more connections; those that are open stay. */
  close(): Promise<void>;
}

/** MUST throw PORT_IN_USE, with the setting's name, when somebody else has the port. */
export type Listen = (options: ListenOptions) => Promise<MqttListener>;
