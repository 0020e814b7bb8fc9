/** A wave that is held: what is accepted stays. */
export function BrandMark() {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect class="brand-ground" width="32" height="32" rx="9" />
      <path class="brand-line" d="M6 20c4 0 4-9 8.5-9s4.5 9 8.5 9" />
      <path class="brand-line" d="M26 9v14" />
    </svg>
  );
}
