"""What tracking needs beside the network: crop, window, decode, map back. numpy and OpenCV only."""
