"""What every room needs: checks of settings, files, packages of extras."""
