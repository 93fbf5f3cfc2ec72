/**
 * GBK: sends a line in two pieces, cut inside a character, and cuts a record at a mark.
 *
 *   npm run 04:gbk:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { delimiter } from '#lib/framing/delimiter.ts'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  exitWhenSilent,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { gbkDecoder, gbkEncoder } from './gbk.ts'

const serverCommand = 'npm run 04:gbk:server'
const options = readOptions({
  command: 'npm run 04:gbk:client',
  does: 'Sends a line of text in GBK in two pieces, and prints how the server has read it.',
  flags: {
    host,
    port: { ...port(7142), min: 1 },
    cut: { default: 3, min: 1, max: 8, help: 'after how many bytes to cut it' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

const encode = gbkEncoder()
const socket = connect({ port: options.port, host: options.host, noDelay: true })
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
exitWhenSilent(socket, where, serverCommand)

// #region client
const bytes = encode('你好世界\n')
const [first, second] = [bytes.subarray(0, options.cut), bytes.subarray(options.cut)]
const { frames, end } = framed(socket, lines())
send(first)
try {
  for await (const answer of frames) {
    if (answer === `read ${bytes.length} bytes`) {
      await end()
      socket.destroy()
      cutAtMark()
      process.exit(0)
    }
    // The server has read the first piece alone. Now the rest.
    if (answer === `read ${first.length} bytes`) send(second)
    else console.log(answer)
  }
} catch (error) {
  exitLost(error as Error, where)
}
exitUnknown(where, serverCommand)

function send(piece: Buffer): void {
  socket.write(piece)
  console.log(`sent ${piece.toString('hex')}`)
}
// #endregion client

// #region mark
/** Two fields with "|" between them. The second byte of 質 is the byte of "|", too. */
function cutAtMark(): void {
  const gbk = gbkDecoder()
  const record = encode('品質|100')
  console.log(`two fields: ${record.toString('hex')}`)

  const decoder = delimiter({ delimiter: '|' }).decoder()
  decoder.push(record)
  decoder.push(Buffer.from('|'))
  const cut: string[] = []
  for (let field = decoder.read(); field !== null; field = decoder.read()) {
    cut.push(gbk.decode(field))
  }
  console.log(`cut at 7c, then decoded: ${JSON.stringify(cut)}`)
  console.log(`decoded, then cut:       ${JSON.stringify(gbk.decode(record).split('|'))}`)
  try {
    socket.setEncoding('gbk' as BufferEncoding)
  } catch (error) {
    console.log(`setEncoding('gbk'): ${(error as SocketError).code}`)
  }
}
// #endregion mark
