import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let ms: number | undefined
  let bytes = 0
  let sum = 0

  socket.on('data', chunk => {
    let upload: Buffer = chunk
    if (ms === undefined) {
      const end = chunk.indexOf('\n')
      ms = Number(chunk.toString('latin1', 'work '.length, end))
      upload = chunk.subarray(end + 1)
    }
    for (const byte of upload) sum = (sum + byte) % 65536
    bytes += upload.length
  })
  socket.on('end', () => {
    setTimeout(() => socket.end(`got ${bytes} ${sum}\n`), ms)
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
