/**
 * Half-close: the answer comes after the client's FIN. Does the server still have a way to send it?
 *
 *   npm run 06:server     in one terminal
 *   npm run 06:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:server'
const options = readOptions({
  command,
  does: 'Takes an upload up to its end, works on it, and then answers.',
  flags: {
    host,
    port: port(7060),
    'work-ms': {
      default: 100,
      max: 60_000,
      help: 'time between the end of an upload and its answer',
    },
  },
})

// #region server
const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('error', ({ code }: SocketError) => console.error(`error ${peer} ${code}`))
  socket.on('close', () =>
    console.log(`closed ${peer} ${plural(socket.bytesWritten, 'byte')} written`),
  )
  try {
    let count = 0
    for await (const line of readFrames(socket, lines({ maxLineBytes: 64 * 1024 }))) {
      // What you get from createServer() without options: at the client's FIN, Node ends our side
      // as well, whether we have answered or not.
      if (line === 'allowHalfOpen false') socket.allowHalfOpen = false
      count++
    }
    await delay(options['work-ms'])
    console.log(`answering ${peer} ${plural(count, 'line')}, writable: ${socket.writable}`)
    socket.write(`got ${plural(count, 'line')}\n`, error => {
      if (error) console.error(`lost the answer to ${peer}: ${(error as SocketError).code}`)
    })
    socket.end() // our FIN: the client's has come long ago, so this closes the connection
  } catch {
    socket.destroy() // cut off, or no lines: the listener above has told what a socket reports
  }
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
