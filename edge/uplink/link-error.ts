import { ERROR_CODES, type ErrorCode } from '@holdfast/shared/contracts/error-codes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';

export interface LinkFailure {
  /** What the transport or the cloud said. */
  readonly details: string;
  /** The cloud's own error code, when it gave one. */
  readonly code: string | undefined;
  /** When it wants to be asked again, milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  readonly cause: unknown;
}

export interface CertificateAge {
  readonly expiresAtMs: number;
  readonly nowMs: number;
}

const FOREIGN_AUTHORITY =
  /unable to (verify the first|get (local )?issuer) certificate|self[- ]signed certificate/i;
const WRONG_NAME = /does not match certificate's altnames/i;
const REJECTED_BY_CLOUD =
  /alert (certificate|bad certificate|unknown ca|access denied)|alert number/i;
const EXPIRED = /certificate has expired|certificate is not yet valid/i;

/**
 * A failed stream as an error that says what to do. The transport only has text, so this reads
 * text.
 */
export function linkError(failure: LinkFailure, certificate: CertificateAge): AppError {
  const { details, cause } = failure;
  if (isErrorCode(failure.code)) {
    const { code, retryAfterMs } = failure;
    return new AppError(code, details, { cause, ...(retryAfterMs && { retryAfterMs }) });
  }
  if (FOREIGN_AUTHORITY.test(details)) {
    return new AppError('CA_MISMATCH', "the cloud's certificate is of another authority", {
      cause,
      hint: 'check the address of the cloud; if its authority was replaced, enrol again',
    });
  }
  if (WRONG_NAME.test(details)) {
    return new AppError('CERTIFICATE_REJECTED', "the cloud's certificate is for another address", {
      cause,
      hint: details,
    });
  }
  if (certificate.nowMs > certificate.expiresAtMs) {
    const at = new Date(certificate.expiresAtMs).toISOString();
    return new AppError('CERTIFICATE_REJECTED', `this gateway's certificate expired at ${at}`, {
      cause,
      hint: 'it renews itself when the cloud is reachable over HTTPS; check the clock',
    });
  }
  if (EXPIRED.test(details)) {
    return new AppError('CERTIFICATE_REJECTED', "the cloud's certificate is not valid now", {
      cause,
      hint: "check the clock of this gateway, and the cloud's certificate",
    });
  }
  if (REJECTED_BY_CLOUD.test(details)) {
    return new AppError('CERTIFICATE_REJECTED', "the cloud rejected this gateway's certificate", {
      cause,
      hint: 'enrol this gateway again',
    });
  }
  return new AppError('UNAVAILABLE', `the cloud cannot be reached: ${details}`, { cause });
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && code in ERROR_CODES;
}
