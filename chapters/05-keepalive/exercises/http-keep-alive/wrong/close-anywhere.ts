import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', chunk => {
    text += chunk
    if (
      !text.slice(0, 65_537).includes('\r\n\r\n') &&
      text.length > 65_536 &&
      !socket.writableEnded
    ) {
      socket.end('HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n')
      return
    }
    while (!socket.writableEnded) {
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const [start = '', ...lines] = text.slice(0, end).split('\r\n')
      const fields = lines.map(line => line.toLowerCase().split(/: */))
      const { connection = '', 'content-length': announced = '0' } = Object.fromEntries(fields)
      if (!/^\d+$/.test(announced)) {
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
        return
      }
      const length = Number(announced)
      if (text.length < end + 4 + length) return
      text = text.slice(end + 4 + length)
      const [method, target, version] = start.split(' ')
      const kept =
        !connection.includes('close') &&
        (version === 'HTTP/1.1' || connection.includes('keep-alive'))
      const line = `${method} ${target} ${length}\n`
      const head = `Connection: ${kept ? 'keep-alive' : 'close'}\r\nContent-Length: ${line.length}`
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${line}`)
      if (!kept) socket.end()
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
