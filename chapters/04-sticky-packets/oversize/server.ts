/**
 * Oversize: the same protocol read by a decoder with a limit, and by one without.
 *
 *   npm run 04:oversize:server     in one terminal
 *   npm run 04:oversize:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { FrameError } from '#lib/framing/frame.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'
import { print } from '#lib/program/print.ts'

const command = 'npm run 04:oversize:server'
const options = readOptions({
  command,
  does: 'Reads length-prefixed requests with a limit; on a second port, without one.',
  flags: {
    host,
    port: port(7048),
    'max-frame-bytes': { default: 65_536, min: 64, max: 2 ** 30, help: 'the limit' },
  },
})

// #region limited
const codec = lengthPrefix({ maxFrameBytes: options['max-frame-bytes'] })

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const { frames, send, end } = framed(socket, codec)
  try {
    for await (const request of frames) {
      await print(`request ${peer} ${plural(request.length, 'byte')}`)
      await send(Buffer.from(`limited, the other is at port ${unlimitedPort()}`))
    }
    await end()
  } catch (error) {
    // The length is known after four bytes, and refused then: before anything is kept or reserved.
    if (error instanceof FrameError) console.log(`refused ${peer} ${error.message}`)
    else console.error(`error ${peer} ${(error as SocketError).code}`)
    socket.destroy()
  }
})
// #endregion limited

// #region unlimited
/** The decoder of many tutorials. Our own safety, which those have not: */
const GIVE_UP_BYTES = 2 ** 26

const unlimited = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk]) // copies all that has come before, each time
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE() // whatever it says is believed
      if (waiting.length < 4 + length) break
      waiting = waiting.subarray(4 + length)
    }
    if (waiting.length > GIVE_UP_BYTES) socket.destroy()
  })
  socket.on('end', () => console.log(`kept ${peer} ${plural(waiting.length, 'byte')}`))
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
})
const unlimitedPort = () => (unlimited.address() as AddressInfo).port
// #endregion unlimited

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  unlimited.listen(0, address, () => console.log(`listening ${endpoint(address, port)}`))
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
