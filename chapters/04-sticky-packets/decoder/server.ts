/**
 * Decoder: a decoder that grows step by step. The server says what each chunk completed.
 *
 *   npm run 04:decoder:server -- --step 1     in one terminal; the steps are 1 to 6
 *   npm run 04:decoder:client                 in another: tests that step
 */
import { type AddressInfo, createServer } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { Append } from './1-append.ts'
import { Look } from './2-look.ts'
import { Cut } from './3-cut.ts'
import { Limit } from './4-limit.ts'
import { KeepTheRest } from './5-keep-the-rest.ts'

const command = 'npm run 04:decoder:server'
const options = readOptions({
  command,
  does: 'Answers each chunk with the messages that it completed, as one of six decoders sees them.',
  flags: {
    host,
    port: port(7049),
    step: { default: 6, min: 1, max: 6, help: 'which decoder; 6 is the one of the kit' },
  },
})

// #region server
/** Step 6, the decoder of the kit: it hands out one message at a time, and notices a cut end. */
class Kit {
  readonly #decoder = lengthPrefix({ maxFrameBytes: 65_536 }).decoder()

  /** Says that the stream has ended. */
  end(): void {
    this.#decoder.end()
  }

  *push(chunk: Buffer): Generator<Uint8Array> {
    this.#decoder.push(chunk)
    for (let one = this.#decoder.read(); one !== null; one = this.#decoder.read()) yield one
  }
}

const steps = [Append, Look, Cut, Limit, KeepTheRest, Kit]
const Decoder = steps[options.step - 1]!

const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const decoder = new Decoder()
  socket.on('data', chunk => {
    if (socket.writableEnded) return // the stream was lost before
    const got: string[] = []
    try {
      for (const message of decoder.push(chunk)) got.push(Buffer.from(message).toString())
    } catch (error) {
      refuse(got, error as Error)
      return
    }
    if (!socket.write(`${JSON.stringify(got)}\n`)) socket.pause() // back-pressure: chapter 02
  })
  socket.on('drain', () => socket.resume())
  socket.on('end', () => {
    try {
      if ('end' in decoder) decoder.end()
      socket.end()
    } catch (error) {
      refuse([], error as Error)
    }
  })
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))

  /** After an error nobody knows where the next message begins: the connection is lost. */
  function refuse(got: string[], { message }: Error): void {
    console.log(`refused ${peer} ${message}`)
    socket.end(`${JSON.stringify([...got, { refused: message }])}\n`, () => socket.destroy())
  }
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
