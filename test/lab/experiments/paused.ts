/** Stops a program on the host, says so, and then never ends by itself. */
import { experiment } from '#lib/textbook/experiment.ts'

export default experiment({
  title: 'never ends, with a program that stands still',
  needs: ['linux'],
  claims: [],
  async run(lab, observe) {
    const helper = lab.start(channel => channel.send('here', 'experiments/paused.ts'), {})
    await helper.message('here')
    await helper.pause()
    observe('paused')
    await new Promise(() => {})
  },
})
