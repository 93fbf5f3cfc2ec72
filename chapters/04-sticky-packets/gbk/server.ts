/**
 * GBK: reads text that is not UTF-8 in four ways, two of which are right.
 *
 *   npm run 04:gbk:server     in one terminal
 *   npm run 04:gbk:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { delimiter } from '#lib/framing/delimiter.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { gbkDecoder } from './gbk.ts'

const command = 'npm run 04:gbk:server'
const options = readOptions({
  command,
  does: 'Reads lines of text in GBK in four ways, and answers in UTF-8.',
  flags: { host, port: port(7142) },
})

// #region server
const codec = delimiter({ delimiter: '\n', maxFrameBytes: 1024 }) // `lines` would decode as UTF-8
const gbk = gbkDecoder()

const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const framing = codec.decoder()
  const stream = gbkDecoder() // one for each connection: it keeps half a character
  let asUtf8 = ''
  let perChunk = ''
  let asStream = ''

  socket.on('data', chunk => {
    console.log(`data ${peer} ${chunk.length} bytes`)
    asUtf8 += chunk.toString() // wrong: another encoding
    perChunk += gbk.decode(chunk) // wrong: a character may be cut
    asStream += stream.decode(chunk, { stream: true }) // keeps the first byte for the next chunk
    try {
      framing.push(chunk)
      for (let line = framing.read(); line !== null; line = framing.read()) {
        for (const [how, text] of [
          ['as UTF-8:       ', asUtf8.trimEnd()],
          ['chunk by chunk: ', perChunk.trimEnd()],
          ['as a stream:    ', asStream.trimEnd()],
          ['line by line:   ', gbk.decode(line)],
        ] as const) {
          socket.write(`${how}${JSON.stringify(text)}\n`)
        }
        asUtf8 = ''
        perChunk = ''
        asStream = ''
      }
      // Back-pressure: chapter 02.
      if (!socket.write(`read ${socket.bytesRead} bytes\n`)) socket.pause()
    } catch (error) {
      console.error(`error ${peer} ${(error as SocketError).code}`)
      socket.destroy() // a line above the limit: the stream is lost
    }
  })
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
