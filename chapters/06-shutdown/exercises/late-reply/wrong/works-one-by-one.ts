import { createServer } from 'node:net'

const LF = 0x0a
/** Each work begins when the one before is done. */
let before = Promise.resolve()

createServer({ allowHalfOpen: true }, socket => {
  let line = ''
  let lineDone = false
  let bytes = 0
  let sum = 0
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
    before = before.then(() => new Promise(done => setTimeout(done, Number(line.slice(5)))))
    before.then(() => socket.end(`got ${bytes} ${sum}\n`))
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
