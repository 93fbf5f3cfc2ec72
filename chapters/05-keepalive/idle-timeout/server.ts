/**
 * Idle timeout: the event only tells us; what to do about an idle client is our business.
 *
 *   npm run 05:idle-timeout:server     in one terminal
 *   npm run 05:idle-timeout:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 05:idle-timeout:server'
const options = readOptions({
  command,
  does: 'Echoes lines; asks idle clients whether they are there, and hangs up if not.',
  flags: {
    host,
    port: port(7052),
    'idle-ms': { default: 500, min: 10, max: 600_000, help: 'so long a client may be idle' },
    'request-ms': { default: 1500, min: 10, max: 600_000, help: 'so long one line may take' },
  },
})

// #region server
const LF = 0x0a
const codec = lines({ maxLineBytes: 1024 })

const server = createServer({ allowHalfOpen: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const decoder = codec.decoder()
  let idle = 0
  let late: NodeJS.Timeout | undefined

  // #region timeout
  socket.setTimeout(options['idle-ms'])
  socket.on('timeout', () => {
    idle++ // the socket is as open as before
    console.log(`idle ${peer} ${idle * options['idle-ms']} ms`)
    socket.setTimeout(options['idle-ms']) // it comes once; only bytes would start the clock anew
    if (idle === 1 && socket.writable) socket.write('still there?\n')
    else if (idle === 2 && socket.writable) socket.end('bye\n')
    else socket.destroy() // it has not answered our FIN
  })
  // #endregion timeout

  socket.on('data', chunk => {
    idle = 0
    let complete = false
    try {
      decoder.push(chunk)
      for (let line = decoder.read(); line !== null; line = decoder.read()) {
        complete = true
        if (socket.writable && !socket.write(codec.encode(line))) socket.pause()
      }
    } catch (error) {
      console.error(`error ${peer} ${(error as SocketError).code}`)
      socket.destroy()
    }
    // #region deadline
    // One byte now and then is enough never to be idle. So a line that was begun has a deadline.
    const begun = chunk.at(-1) !== LF
    if (complete) clearTimeout(late)
    if (complete) late = undefined
    if (begun) late ??= setTimeout(cut, options['request-ms'])
    // #endregion deadline
  })
  const cut = () => {
    console.log(`late ${peer} ${options['request-ms']} ms`)
    socket.destroy()
  }
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => {
    clearTimeout(late)
    console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')}`)
  })
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
