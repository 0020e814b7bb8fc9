/**
 * What may not stand in one level of a topic name [MQTT-3.3.2-2], [MQTT-1.5.3-2], and the sign that
 * escapes it.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f/+#%]/g;

/**
 * A name as one level of a topic: separators, wildcards and control characters become `%XX`.
 * Different names stay different.
 */
export function topicLevel(name: string): string {
  return name.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return `%${code.padStart(2, '0')}`;
  });
}
