/** A line of an error is at most so long: the rest is what the reader has typed. */
const MOST = 600
const START = 300
const END = 200

/**
 * An error message as one line of a readable length. It may quote what came on the command line, which
 * can be of any length and have any characters: those that a terminal does not print are written as
 * escapes, and the middle of a long line is left out.
 */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, escaped)
  if (line.length <= MOST) return line
  const left = line.length - START - END
  return `${line.slice(0, START)} … ${left} characters … ${line.slice(-END)}`
}

/** `\n`, `\u001b` */
const escaped = (character: string): string =>
  character.codePointAt(0)! < 0x80
    ? JSON.stringify(character).slice(1, -1).replace('\u007f', '\\u007f')
    : `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`

/** Says on standard error what is wrong with the command line. */
export function complain(text: string): void {
  console.error(oneLine(text))
}
