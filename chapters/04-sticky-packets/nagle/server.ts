/**
 * Nagle: a server that says in which `data` event each request came, and is busy when asked to.
 *
 *   npm run 04:nagle:server     in one terminal
 *   npm run 04:nagle:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 04:nagle:server'
const options = readOptions({
  command,
  does: 'Answers each request with the number of the data event that brought it.',
  flags: {
    host,
    port: port(7046),
    'busy-ms': { default: 200, min: 0, max: 10_000, help: 'how long it is busy when asked to' },
  },
})

// #region server
const codec = lengthPrefix({ prefixBytes: 1 })

// noDelay: our answers leave at once. What the client does about its own segments is its choice.
const server = createServer({ noDelay: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const decoder = codec.decoder()
  let events = 0

  // By hand what `framed()` does in the other examples, to count the events.
  socket.on('data', chunk => {
    events++
    decoder.push(chunk)
    for (let request = decoder.read(); request !== null; request = decoder.read()) {
      const text = Buffer.from(request).toString()
      const answer = codec.encode(Buffer.from(text === 'busy' ? 'busy' : `event ${events}`))
      const more = socket.write(answer, () => {
        // Blocks the event loop, as a long computation would. Meanwhile the kernel goes on: it
        // accepts connections, acknowledges segments, and puts their bytes into one buffer.
        if (text === 'busy') Atomics.wait(NEVER, 0, 0, options['busy-ms'])
      })
      if (!more) socket.pause() // back-pressure: chapter 02
    }
  })
  socket.on('drain', () => socket.resume())
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => {
    console.log(`closed ${peer} ${socket.bytesRead} bytes in ${events} data events`)
  })
})

const NEVER = new Int32Array(new SharedArrayBuffer(4))
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
