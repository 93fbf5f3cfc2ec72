import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let line = ''
  let bytes = 0
  let sum = 0

  socket.on('data', chunk => {
    let at = 0
    while (at < chunk.length && !line.endsWith('\n')) line += String.fromCharCode(chunk[at++]!)
    for (const byte of chunk.subarray(at)) sum = (sum + byte) % 65536
    bytes += chunk.length - at
  })
  socket.on('end', () => {
    if (!line.endsWith('\n')) {
      socket.end()
      return
    }
    later(Number(line.split(' ')[1]), () => socket.end(`got ${bytes} ${sum}\n`))
  })
  socket.setTimeout(15_000, () => socket.destroy())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

/** setTimeout() takes at most 2^31 - 1. */
function later(ms: number, run: () => void): void {
  const step = Math.min(ms, 2 ** 31 - 1)
  setTimeout(() => (ms > step ? later(ms - step, run) : run()), step)
}
