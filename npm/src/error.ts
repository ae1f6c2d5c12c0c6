// Errors: one class, with a code to branch on. The codes are those of docs/reference/errors.md, the same in every language.

/** What went wrong, in a word to branch on. See `docs/reference/errors.md`. */
export type ErrorCode =
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "CONFLICT"
  | "INVALID_ARGUMENT"
  | "LIMIT_EXCEEDED"
  | "DIMENSION_MISMATCH"
  | "READ_ONLY"
  | "CLOSED"
  | "LOCKED"
  | "ABORTED"
  | "IO"
  | "STORAGE_FULL"
  | "CORRUPT"
  | "UNSUPPORTED_FORMAT"
  | "UNTRUSTED"
  | "POISONED";

/** Every failure of this package. */
export class KoruError extends Error {
  override readonly name = "KoruError";
  /** What went wrong, in a word to branch on. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** `error` as a `KoruError`: what already is one or crossed a boundary as one keeps its code, anything else is `IO`. */
export function toKoruError(error: unknown, code: ErrorCode = "IO"): KoruError {
  if (error instanceof KoruError) return error;
  const known = error as { code?: unknown; message?: unknown } | null | undefined;
  if (known && typeof known.code === "string" && /^[A-Z]+(_[A-Z]+)*$/.test(known.code) && CODES.has(known.code)) {
    return new KoruError(known.code as ErrorCode, String(known.message), { cause: error });
  }
  return new KoruError(code, known?.message ? String(known.message) : String(error), { cause: error });
}

const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  "NOT_FOUND", "ALREADY_EXISTS", "CONFLICT", "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "DIMENSION_MISMATCH", "READ_ONLY",
  "CLOSED", "LOCKED", "ABORTED", "IO", "STORAGE_FULL", "CORRUPT", "UNSUPPORTED_FORMAT", "UNTRUSTED", "POISONED",
]);
