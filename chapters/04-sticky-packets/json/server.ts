/**
 * JSON: parses each chunk, which is wrong, and each line, which is right.
 *
 *   npm run 04:json:server     in one terminal
 *   npm run 04:json:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 04:json:server'
const options = readOptions({
  command,
  does: 'Parses JSON chunk by chunk and line by line, and answers with what came of it.',
  flags: { host, port: port(7140) },
})

// #region server
const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const framing = lines({ maxLineBytes: 64 * 1024 }).decoder()

  socket.on('data', chunk => {
    console.log(`data ${peer} ${chunk.length} bytes`)
    socket.write(`chunk by chunk: ${parse(chunk.toString())}\n`) // wrong: any bytes may be in it
    try {
      framing.push(chunk)
      for (let line = framing.read(); line !== null; line = framing.read()) {
        // A line that is no JSON costs one line: where the next one begins is known all the same.
        socket.write(`line by line:   ${parse(line)}\n`)
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

/** What is in a JSON text, or what is wrong with it. */
function parse(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch (error) {
    const { name, message } = error as Error
    // It may quote a line feed; newer versions of Node say in brackets on which line.
    return `${name}: ${message.replaceAll('\n', '\\n').replace(/ \(line .*\)$/, '')}`
  }
}
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
