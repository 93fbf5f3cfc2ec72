import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let line = ''
  let bytes = 0
  let sum = 0
  let doneMs = 0

  socket.on('data', chunk => {
    let at = 0
    while (at < chunk.length && !line.endsWith('\n')) line += String.fromCharCode(chunk[at++]!)
    for (const byte of chunk.subarray(at)) sum = (sum + byte) % 65536
    bytes += chunk.length - at
    // As soon as we know how much work it is.
    if (line.endsWith('\n')) doneMs ||= Date.now() + Number(line.split(' ')[1])
  })
  socket.on('end', () => {
    if (!line.endsWith('\n')) socket.end()
    else setTimeout(() => socket.end(`got ${bytes} ${sum}\n`), doneMs - Date.now())
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
