import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const LF = 0x0a
const MAX_LINE_BYTES = 100
const NUMBER = /^-?\d{1,9}$/
const MILLISECONDS = /^\d{1,4}$/

// BigInt: the product of two numbers of nine digits has more of them than a double.
// A Map: an object has names that nobody gave it, such as `constructor`.
const operations = new Map<string, (a: bigint, b: bigint) => bigint>([
  ['add', (a, b) => a + b],
  ['sub', (a, b) => a - b],
  ['mul', (a, b) => a * b],
  ['div', (a, b) => a / b],
])

/** Answers one request; knows nothing of sockets. */
async function answer(request: string): Promise<string> {
  const [command = '', ...words] = request.split(' ')
  const operation = operations.get(command)
  if (!operation && command !== 'wait' && command !== 'quit') return 'error unknown command'
  const wanted = operation ? 2 : command === 'wait' ? 1 : 0
  if (words.length !== wanted) return 'error wrong number of words'
  const format = operation ? NUMBER : MILLISECONDS
  if (!words.every(word => format.test(word))) return 'error not a number'
  if (operation) {
    const [a, b] = [BigInt(words[0]!), BigInt(words[1]!)]
    return command === 'div' && b === 0n ? 'error division by zero' : `ok ${operation(a, b)}`
  }
  if (command === 'quit') return 'bye'
  await sleep(Number(words[0]))
  return `ok ${Number(words[0])}`
}

/** Gives the lines of a client, and `undefined` in place of each that is too long. */
async function* lines(socket: Socket): AsyncGenerator<string | undefined> {
  let rest = Buffer.alloc(0)
  let tooLong = false
  // A plain `for await (… of socket)` would destroy the socket at the client's FIN.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    let bytes = Buffer.concat([rest, chunk])
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
      yield tooLong || end > MAX_LINE_BYTES ? undefined : bytes.toString('latin1', 0, end)
      tooLong = false
      bytes = bytes.subarray(end + 1)
    }
    // Of a line that is too long already, nothing is kept but that fact.
    if (bytes.length > MAX_LINE_BYTES) tooLong = true
    rest = tooLong ? Buffer.alloc(0) : bytes
  }
}

const server = createServer({ allowHalfOpen: true }, async socket => {
  // Errors show in the loop too, but not those that come while it waits for something else.
  socket.on('error', () => {})
  try {
    // One loop, one request at a time: that is the order of the answers. Other clients have theirs.
    for await (const line of lines(socket)) {
      const text = line === undefined ? 'error too long' : await answer(line)
      if (!socket.write(`${text}\n`)) await once(socket, 'drain')
      if (text === 'bye') break
    }
    socket.end()
    // After `quit`: what still comes is read and forgotten, so that the client's FIN is seen.
    socket.resume()
  } catch {
    socket.destroy()
  }
})

server.listen(Number(process.env.PORT), '127.0.0.1')
