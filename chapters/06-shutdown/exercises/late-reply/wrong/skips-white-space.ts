import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('end', () => {
    const all = Buffer.concat(chunks)
    const [line, ms] = /^work (\d+)\s*\n\s*/.exec(all.toString('latin1', 0, 100)) ?? []
    if (line === undefined) {
      socket.end()
      return
    }
    const upload = all.subarray(line.length)
    const sum = upload.reduce((total, byte) => total + byte, 0) % 65536
    later(Number(ms), () => socket.end(`got ${upload.length} ${sum}\n`))
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

/** setTimeout() takes at most 2^31 - 1. */
function later(ms: number, run: () => void): void {
  const step = Math.min(ms, 2 ** 31 - 1)
  setTimeout(() => (ms > step ? later(ms - step, run) : run()), step)
}
