import { createServer } from 'node:net'

const MAX_BYTES = 20 * 2 ** 20

createServer({ allowHalfOpen: true }, socket => {
  const chunks: Buffer[] = []
  let length = 0
  socket.on('data', chunk => {
    length += chunk.length
    if (length > MAX_BYTES) socket.destroy()
    chunks.push(chunk)
  })
  socket.on('end', () => {
    const all = Buffer.concat(chunks)
    const end = all.indexOf('\n')
    if (end < 0) {
      socket.end()
      return
    }
    const upload = all.subarray(end + 1)
    let sum = 0
    for (const byte of upload) sum = (sum + byte) % 65536
    const ms = Number(all.toString('latin1', 'work '.length, end))
    setTimeout(() => socket.end(`got ${upload.length} ${sum}\n`), ms)
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
