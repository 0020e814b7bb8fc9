import { setTimeout as sleep } from 'node:timers/promises';

/** Who signs in; a token lives ten minutes, and is asked for anew when it has ended. */
export interface Person {
  readonly username: string;
  readonly password: string;
}

export interface Answer {
  readonly status: number;
  // The scenario reads few fields of it; the API's own tests judge its shape.
  readonly body: Record<string, never>;
}

const REQUEST_TIMEOUT_MS = 10_000;
const SIGN_IN_PAUSE_MS = 1_000;
/** While a cloud starts, or starts again. */
const SIGN_INS_MAX = 60;

/** An ordinary client of the cloud's HTTP API. */
export class ApiClient {
  readonly #url: string;
  readonly #person: Person;
  #token: string | undefined;

  constructor(url: string, person: Person) {
    this.#url = url;
    this.#person = person;
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path);
  }

  /** `key`: the same one for each attempt at the same intention. */
  post(path: string, body: object, key: string): Promise<Answer> {
    return this.#send('POST', path, { body, headers: { 'idempotency-key': key } });
  }

  async #send(method: string, path: string, sent: Sent = {}): Promise<Answer> {
    this.#token ??= await this.#signIn();
    const answer = await this.#request(method, path, sent);
    if (answer.status !== 401) return answer;
    this.#token = await this.#signIn();
    return this.#request(method, path, sent);
  }

  async #signIn(): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const { status, body } = await this.#request('POST', '/v1/auth/token', {
        body: this.#person,
      });
      if (status === 200) return body['accessToken']!;
      if (status < 500 || attempt === SIGN_INS_MAX)
        throw new Error(`${this.#person.username} cannot sign in: status ${status}`);
      await sleep(SIGN_IN_PAUSE_MS);
    }
  }

  async #request(method: string, path: string, { body, headers }: Sent): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      headers: {
        ...(this.#token && { authorization: `Bearer ${this.#token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {} };
  }
}

interface Sent {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}
