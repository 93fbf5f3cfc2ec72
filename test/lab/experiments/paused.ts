/** Stops a program on the host, says so, and then never ends by itself. */
import { experiment } from '#lib/textbook/experiment.ts'

export default experiment({
  title: 'never ends, with a program that stands still',
  needs: ['linux'],
  claims: [],
  async run(lab, observe) {
    const peer = lab.start(wire => wire.send('here', 'experiments/paused.ts'), {})
    await peer.message('here')
    await peer.pause()
    observe('paused')
    await new Promise(() => {})
  },
})
