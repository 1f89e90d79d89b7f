/* update: filled next */
