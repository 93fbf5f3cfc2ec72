import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    const frames = (waiting + chunk).split('\xc0')
    waiting = frames.pop()!
    for (const frame of frames) {
      if (frame === '' || /\xdb([^\xdc\xdd]|$)/.test(frame)) continue
      const payload = frame.replaceAll('\xdb\xdd', '\xdb').replaceAll('\xdb\xdc', '\xc0')
      if (payload.length > 1024) continue
      const reversed = payload.split('').reverse().join('')
      const wire = reversed.replaceAll('\xdb', '\xdb\xdd').replaceAll('\xc0', '\xdb\xdc')
      socket.write(`${wire}\xc0`, 'latin1')
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
