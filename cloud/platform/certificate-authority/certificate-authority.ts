/**
 * The authority that signs gateways' certificates and those of the cloud's own listeners.
 *
 * - There is one per installation: every process that opens it over the same `secrets` MUST get the
 *   same certificate and key, also when several open it at the same time for the first time.
 * - `certificate` and `fingerprint` never change while it is open.
 * - `readRequest` MUST accept only a PKCS#10 request for an EC P-256 key whose signature proves
 *   that the sender holds the key; anything else throws REQUEST_INVALID that points at `/csr`.
 * - `issue` signs a certificate for one purpose, client or server, never both, and never for
 *   another authority. It starts an hour early, for clocks that differ, and it keeps nothing:
 *   issuing twice gives two serial numbers.
 * - The private key never leaves the adapter, and never appears in an error or a log.
 */
export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: string;
  /** SHA-256 of the certificate's DER, base64url. */
  readonly fingerprint: string;
  /** The public key of a request: SubjectPublicKeyInfo, DER. */
  readRequest(csrPem: string): Promise<Uint8Array>;
  issue(order: CertificateOrder): Promise<IssuedCertificate>;
}

export interface CertificateOrder {
  readonly purpose: 'client' | 'server';
  /** SubjectPublicKeyInfo, DER, EC P-256. */
  readonly publicKey: Uint8Array;
  readonly subject: {
    readonly commonName: string;
    readonly organization?: string;
    readonly organizationalUnit?: string;
  };
  /** Subject alternative names. */
  readonly names: readonly { readonly type: 'dns' | 'ip' | 'uri'; readonly value: string }[];
  readonly validityMs: number;
}

export interface IssuedCertificate {
  /** PEM of the certificate alone. */
  readonly certificate: string;
  /** Upper-case hexadecimal, as node:crypto shows it. */
  readonly serialNumber: string;
  readonly expiresAtMs: number;
}
