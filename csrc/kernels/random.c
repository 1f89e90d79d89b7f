/* random: filled next */
