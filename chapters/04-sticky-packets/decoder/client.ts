/**
 * Decoder: the tests. Each sends chunks, one after the other, and says what has to come of each.
 *
 *   npm run 04:decoder:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 04:decoder:server'
const options = readOptions({
  command: 'npm run 04:decoder:client',
  does: 'Tests a decoder over the wire, up to the first test that fails.',
  flags: { host, port: { ...port(7049), min: 1 } },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region tests
/** A message behind its length, 4 bytes. */
function frame(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}
const [one, two] = [frame('one'), frame('two')]
const FOUR_GIB = Buffer.from('ffffffff', 'hex')
const END = 'the end of the stream'

/** What is sent, and what the decoder has to make of it. */
type Step = [send: Buffer | typeof END, expected: string]
const tests: Record<string, Step[]> = {
  'a message in one chunk': [[one, '"one"']],
  'a message in two chunks': [
    [one.subarray(0, 5), 'nothing yet'],
    [one.subarray(5), '"one"'],
  ],
  'two messages in one chunk': [[Buffer.concat([one, two]), '"one" "two"']],
  'a length of 4 GiB': [[FOUR_GIB, 'an error']],
  'one message and a half, then the rest': [
    [Buffer.concat([one, two.subarray(0, 5)]), '"one"'],
    [two.subarray(5), '"two"'],
  ],
  'a message, then a length of 4 GiB': [[Buffer.concat([two, FOUR_GIB]), '"two" an error']],
  'an end inside a message': [
    [two.subarray(0, 5), 'nothing yet'],
    [END, 'an error'],
  ],
}
// #endregion tests

for (const [name, steps] of Object.entries(tests)) {
  const failure = await run(steps)
  console.log(failure ? `FAIL ${name}: ${failure}` : `ok   ${name}`)
  if (failure) process.exit(1)
}

/** Returns what was expected and what came, where the two differ. */
async function run(steps: readonly Step[]): Promise<string | undefined> {
  const socket = connect({ port: options.port, host: options.host, noDelay: true })
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  exitWhenSilent(socket, where, serverCommand)
  const { frames, end } = framed(socket, lines())
  const answers = frames[Symbol.asyncIterator]()
  try {
    for (const [at, [send, expected]] of steps.entries()) {
      if (send === END) await end()
      else socket.write(send)
      // The server answers each chunk: the next one is not sent before.
      const { value: answer } = await answers.next()
      if (answer === undefined && send !== END) exitUnknown(where, serverCommand)
      const got = answer === undefined ? 'none' : read(answer)
      const place = send === END ? `at ${END}` : `after chunk ${at + 1}`
      if (got !== expected) return `${place} expected ${expected}, got ${got}`
    }
    return undefined
  } catch (error) {
    exitLost(error as Error, where)
  } finally {
    socket.destroy()
  }
}

/** `["one","two"]` is `"one" "two"`, `[]` is `nothing yet`. */
function read(answer: string): string {
  try {
    const parts: unknown = JSON.parse(answer)
    if (!Array.isArray(parts)) exitUnknown(where, serverCommand)
    if (parts.length === 0) return 'nothing yet'
    const words = parts.map(part => (typeof part === 'string' ? JSON.stringify(part) : 'an error'))
    return words.join(' ')
  } catch {
    return exitUnknown(where, serverCommand)
  }
}
