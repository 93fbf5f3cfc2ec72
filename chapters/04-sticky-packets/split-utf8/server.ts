/**
 * Split UTF-8: decodes what arrives in three ways, and says what came of each.
 *
 *   npm run 04:split-utf8:server     in one terminal
 *   npm run 04:split-utf8:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { lines } from '#lib/framing/lines.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 04:split-utf8:server'
const options = readOptions({
  command,
  does: 'Decodes UTF-8 chunk by chunk, with a StringDecoder, and line by line.',
  flags: { host, port: port(7047) },
})

// #region server
const MAX_LINE_BYTES = 1024

// noDelay: several small answers in a row, and somebody who waits for them (see `nagle`).
const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  let perChunk = ''
  let withDecoder = ''
  const decoder = new StringDecoder('utf8') // what socket.setEncoding('utf8') uses
  const framing = lines({ maxLineBytes: MAX_LINE_BYTES }).decoder()

  socket.on('data', chunk => {
    console.log(`data ${peer} ${plural(chunk.length, 'byte')}`)
    perChunk += chunk.toString() // wrong: a character that is cut becomes U+FFFD, twice
    withDecoder += decoder.write(chunk) // keeps the bytes of a character until it is whole
    try {
      framing.push(chunk)
      // First the frame, then the text: a whole line has whole characters.
      for (let line = framing.read(); line !== null; line = framing.read()) {
        for (const [how, text] of [
          ['chunk by chunk', perChunk],
          ['StringDecoder ', withDecoder],
          ['line by line  ', `${line}\n`],
        ] as const) {
          socket.write(`${how}: ${JSON.stringify(text)}\n`)
        }
        perChunk = ''
        withDecoder = ''
      }
      // Back-pressure: chapter 02.
      if (!socket.write(`read ${socket.bytesRead} bytes\n`)) socket.pause()
    } catch (error) {
      console.error(`error ${peer} ${(error as SocketError).code}`)
      socket.destroy() // nothing here may grow for ever: the line was longer than the limit
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
