import { createServer } from 'node:net'

const LF = 0x0a

createServer({ allowHalfOpen: true }, socket => {
  let line = ''
  let lineDone = false
  let bytes = 0
  let sum = 0
  setTimeout(() => socket.destroy(), 10_000).unref()
  socket.on('data', chunk => {
    const end = lineDone ? -1 : chunk.indexOf(LF)
    const upload = lineDone ? chunk : end < 0 ? Buffer.alloc(0) : chunk.subarray(end + 1)
    if (!lineDone) line += chunk.toString('latin1', 0, end < 0 ? chunk.length : end)
    lineDone ||= end >= 0
    bytes += upload.length
    for (const byte of upload) sum = (sum + byte) % 65536
  })
  socket.on('end', () => {
    if (!lineDone) socket.end()
    else setTimeout(() => socket.end(`got ${bytes} ${sum}\n`), Number(line.slice(5)))
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
