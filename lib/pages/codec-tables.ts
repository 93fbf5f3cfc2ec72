/** What documents say of all codecs, read from their source files. */
import { codecList, codecsInOrder } from '#lib/catalogue/codecs.ts'

const fenced = (text: string): string => `\n\`\`\`text\n${text}\n\`\`\`\n\n`

/** What `npm run codec -- list` prints. */
export const listOfCodecs = (): string => fenced(codecList())

/** Each codec with the diagram of its source file. */
export function wireFormats(): string {
  const drawn = codecsInOrder().filter(({ diagram }) => diagram !== '')
  const parts = drawn.map(({ name, diagram }) => `### ${camelCase(name)}\n${fenced(diagram)}`)
  return `\n${parts.join('')}`
}

/** `length-prefix` → `lengthPrefix`. */
const camelCase = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** What a program imports from the package. */
export function packageTable(): string {
  const rows = codecsInOrder().map(({ name, functions, format }) => {
    const calls = functions.map(each => `\`${each}()\``).join(', ')
    return `| \`socket-tutorial-kit/${name}\` | ${calls} | ${format} |`
  })
  const all = '| `socket-tutorial-kit` | all codecs, `FrameError` | |'
  return `\n| import from | what it has | format |\n| --- | --- | --- |\n${rows.join('\n')}\n${all}\n\n`
}
