/**
 * True in CI and for `npm run test:slow`. Without it the suite stays under three minutes on two
 * cores: it leaves out experiments of more than 20 seconds, and what runs every example once more.
 */
export const withSlow = process.env.SLOW === '1'
