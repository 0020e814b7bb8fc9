export interface SegmentedProps<T extends string> {
  /** Names the group, for screen readers and the form. */
  readonly legend: string;
  readonly options: readonly { id: T; label: string; spokenLabel?: string }[];
  readonly chosen: T;
  readonly onChoose: (id: T) => void;
}

/**
 * One of a few, side by side: radio buttons by nature, so that arrow keys and screen readers work
 * as they know.
 */
export function Segmented<T extends string>(props: SegmentedProps<T>) {
  const name = props.legend.toLowerCase().replaceAll(' ', '-');
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">{props.legend}</legend>
      {props.options.map((option) => (
        <label key={option.id} class="segment">
          <input
            type="radio"
            class="visually-hidden"
            name={name}
            value={option.id}
            aria-label={option.spokenLabel ?? option.label}
            checked={option.id === props.chosen}
            onChange={() => props.onChoose(option.id)}
          />
          <span class="segment-face">{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
