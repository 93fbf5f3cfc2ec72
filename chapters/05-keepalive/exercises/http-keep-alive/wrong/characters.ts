import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', chunk => {
    text += chunk
    for (;;) {
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
      if (text.length < end + 4 + length) return
      const [method, target] = text.split(' ')
      const line = `${method} ${target} ${length}\n`
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${line.length}\r\n\r\n${line}`)
      text = text.slice(end + 4 + length)
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
