import { createServer } from 'node:net'

let clients = 0
const server = createServer({ allowHalfOpen: true }, socket => {
  if (clients === 110) {
    socket
      .on('error', () => {})
      .resume()
      .end()
    return
  }
  clients++
  socket.on('close', () => clients--)
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
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
})

server.listen(Number(process.env.PORT), '127.0.0.1')
